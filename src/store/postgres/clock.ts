/** The moments a call is given: none in production, where the server's clock is the only one. */
export type Clock = () => { readonly now: number | null; readonly monotonic: number | null }

export const serversClock: Clock = () => ({ now: null, monotonic: null })
