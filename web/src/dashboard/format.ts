import { texts } from "./texts";

const wholeNumber = new Intl.NumberFormat();
const oneDecimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const whole = (value: number): string => wholeNumber.format(value);
export const short = (value: number): string => oneDecimal.format(value);
export const perSecond = (value: number): string => `${short(value)}/s`;

export const timeOfDay = (time: string | null | undefined): string =>
  time ? new Date(time).toLocaleTimeString() : texts.never;

/** Enough of a session's alias to tell rooms apart. */
export const shortAlias = (alias: string): string => alias.slice(0, 8);
