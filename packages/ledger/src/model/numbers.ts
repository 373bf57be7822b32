// Card numbers of the model: bin, serial and the digit of Luhn.

/** A number is right when its digits, every second one doubled from the right, add up to a multiple of 10. */
const isRight = (number: string): boolean => {
  const sum = [...number].reverse().reduce((sum, digit, place) => {
    const value = Number(digit) * (place % 2 === 0 ? 1 : 2)
    return sum + Math.floor(value / 10) + (value % 10)
  }, 0)
  return sum % 10 === 0
}

export const luhnNumber = (bin: string, digits: number, serial: number): bigint => {
  const payload = bin + String(serial).padStart(digits - bin.length - 1, "0")
  const last = "0123456789".split("").find((digit) => isRight(payload + digit))
  return BigInt(`${payload}${last}`)
}
