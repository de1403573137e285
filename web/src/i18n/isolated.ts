/**
 * A name of any script inside a sentence, without an effect on the direction of the text around it: Unicode's isolates (UAX 9,
 * 2.7), as `bdi` in markup. Names contain no isolates: the server rejects them.
 */
export const isolated = (name: string): string => `\u2068${name}\u2069`;
