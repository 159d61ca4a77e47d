// Where the service is. The page may be served under a prefix that the service does not know of,
// so every address is relative to this file: the service's root is two folders up.

export const ROOT = new URL("../../", import.meta.url).href;

/** The full address of a path such as "jobs". */
export const address = (path) => `${ROOT}${path}`;

/** The path of the job that a Location header names, whatever prefix stands before it. */
export const jobPath = (location) => `jobs/${location.split("/").pop()}`;
