/**
 * What falls due so soon may come before anybody looks again, since upkeep looks about once a second: whoever brings it
 * wakes those who sleep, as by work that has come, and their turn tells them when it will be time. What is due or expires
 * earlier is known to somebody already.
 */
export const soonMs = 1_500
