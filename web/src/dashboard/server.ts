import type { components } from "./state-types";

export type DashboardState = components["schemas"]["DashboardState"];
export type Sample = components["schemas"]["Sample"];

const TOKEN_KEY = "tagalong-admin-token";

export const hasToken = (): boolean => sessionStorage.getItem(TOKEN_KEY) !== null;
export const keepToken = (token: string): void => sessionStorage.setItem(TOKEN_KEY, token);

/** The server prints an address with the token after the `#`, which browsers send to no server. */
export function takeTokenFromAddress(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  keepToken(token);
  history.replaceState(null, "", location.pathname);
}

export const requestState = (): Promise<Response> => request("GET", "/dashboard/state");

export const requestEnd = (alias: string): Promise<Response> =>
  request("POST", `/dashboard/sessions/${encodeURIComponent(alias)}/end`);

function request(method: string, path: string): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return fetch(path, { method, headers: token ? { authorization: `Bearer ${token}` } : {} });
}
