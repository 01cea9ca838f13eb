/** Where the server is: it serves its own client. */

export const SERVER = location.origin;
