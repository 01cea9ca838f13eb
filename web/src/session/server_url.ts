/** URL of the server. The client is served by it. */

export const SERVER = location.origin;
