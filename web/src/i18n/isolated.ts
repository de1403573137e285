/**
 * A name of any script inside a sentence: neither orders the other's characters. Unicode's isolates (UAX 9, 2.7) do it, as `bdi`
 * does in markup. A name holds none of them: the server refuses it.
 */
export const isolated = (name: string): string => `\u2068${name}\u2069`;
