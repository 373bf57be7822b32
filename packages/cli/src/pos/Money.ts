// Amounts as a cashier types and reads them: 12.50, and minor units inside.

interface Currency {
  readonly code: string
  readonly decimals: number
}

/** Of ISO 4217, what a till in a test is likely to meet; any other has two decimals and its number for a name. */
const currencies: { readonly [number: number]: Currency } = {
  36: { code: "AUD", decimals: 2 },
  48: { code: "BHD", decimals: 3 },
  124: { code: "CAD", decimals: 2 },
  152: { code: "CLP", decimals: 0 },
  392: { code: "JPY", decimals: 0 },
  410: { code: "KRW", decimals: 0 },
  414: { code: "KWD", decimals: 3 },
  756: { code: "CHF", decimals: 2 },
  788: { code: "TND", decimals: 3 },
  826: { code: "GBP", decimals: 2 },
  840: { code: "USD", decimals: 2 },
  963: { code: "XTS", decimals: 2 },
  978: { code: "EUR", decimals: 2 },
}

const currencyOf = (number: number): Currency =>
  currencies[number] ?? { code: String(number).padStart(3, "0"), decimals: 2 }

/** "12.50", "12", "12,5" → 1250; undefined for what is no amount above 0. */
export const parseAmount = (text: string, currency: number): number | undefined => {
  const { decimals } = currencyOf(currency)
  const [, whole, fraction = ""] = /^(\d{1,16})(?:[.,](\d*))?$/.exec(text.trim()) ?? []
  if (whole === undefined || fraction.length > decimals) return undefined
  const amount = Number(whole + fraction.padEnd(decimals, "0"))
  return amount > 0 && Number.isSafeInteger(amount) ? amount : undefined
}

/** 125050 → "EUR 1,250.50" */
export const amountText = (minor: number, currency: number): string => {
  const { code, decimals } = currencyOf(currency)
  const digits = String(Math.abs(minor)).padStart(decimals + 1, "0")
  const cut = digits.length - decimals
  const whole = digits.slice(0, cut).replaceAll(/\B(?=(\d{3})+$)/g, ",")
  const rest = decimals === 0 ? "" : `.${digits.slice(cut)}`
  return `${code} ${minor < 0 ? "-" : ""}${whole}${rest}`
}
