// The business calendar: which day and month a moment belongs to, by whole-number arithmetic and one offset for the scheme.

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** A day is a u16 wherever it is kept: the last one is in the year 2149. */
export const DAY_MAX = 0xffff

/** The civil calendar repeats after 400 years; its years are counted from 1 March, so that a leap day is a year's last. */
const DAYS_PER_ERA = 146_097
const YEARS_PER_ERA = 400
/** From 1 March of the year 0 to 1 January 1970. */
const EPOCH_DAYS = 719_468
const EPOCH_YEAR = 1_970

/** Days since 1970-01-01 by the scheme's clock. */
export const dayOf = (time: number, utcOffsetMinutes: number): number => {
  const day = Math.floor((time + utcOffsetMinutes * MINUTE_MS) / DAY_MS)
  return Math.min(Math.max(day, 0), DAY_MAX)
}

/** Months since January 1970. */
export const monthOfDay = (day: number): number => {
  const days = day + EPOCH_DAYS
  const era = Math.floor(days / DAYS_PER_ERA)
  const ofEra = days - era * DAYS_PER_ERA
  // Of the days before this one, those that are leap days: one in four years, none in a hundred, one in four hundred.
  const leapless =
    ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)
  const year = Math.floor(leapless / 365)
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100))
  // From March on, months have 153 days in every five.
  const monthsAfterMarch = Math.floor((5 * ofYear + 2) / 153)
  return (era * YEARS_PER_ERA + year - EPOCH_YEAR) * 12 + 2 + monthsAfterMarch
}

/** The first day of a month. */
const firstDayOfMonth = (month: number): number => {
  const monthsAfterMarch = month - 2 + EPOCH_YEAR * 12
  const year = Math.floor(monthsAfterMarch / 12)
  const ofYear = Math.floor((153 * (monthsAfterMarch - year * 12) + 2) / 5)
  const leapDays = Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / YEARS_PER_ERA)
  return 365 * year + leapDays + ofYear - EPOCH_DAYS
}

/** The last day of a month, itself included. */
export const lastDayOfMonth = (month: number): number => {
  return Math.min(firstDayOfMonth(month + 1) - 1, DAY_MAX)
}

/** What day it is in the scheme. Set once a batch; most batches fall into the day of the one before. */
export class Calendar {
  #utcOffsetMinutes = 0
  #time = 0
  #day = 0
  #month = 0
  /** The day begins here and ends before `#to`. */
  #from = 0
  #to = 0

  get utcOffsetMinutes(): number {
    return this.#utcOffsetMinutes
  }

  /** Minutes east of Greenwich. The day is at once that of the time set last. */
  set utcOffsetMinutes(minutes: number) {
    this.#utcOffsetMinutes = minutes
    this.#to = this.#from
    this.set(this.#time)
  }

  /** @param time of the batch, ms since the epoch */
  set(time: number): void {
    this.#time = time
    if (time >= this.#from && time < this.#to) return
    this.#day = dayOf(time, this.#utcOffsetMinutes)
    this.#month = monthOfDay(this.#day)
    this.#from = this.#day * DAY_MS - this.#utcOffsetMinutes * MINUTE_MS
    this.#to = this.#from + DAY_MS
  }

  /** Days since 1970-01-01, u16. */
  get day(): number {
    return this.#day
  }

  /** Months since January 1970. */
  get month(): number {
    return this.#month
  }
}
