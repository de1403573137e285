import { expect, it } from "vitest";
import { joinPath, routeOf } from "./route";

const ID = "3f2a1b4c-0000-4000-8000-00000000abcd";

it("recognizes its pages", () => {
  expect(routeOf("/")).toEqual({ page: "home" });
  expect(routeOf(joinPath(ID))).toEqual({ page: "join", sessionId: ID });
  expect(routeOf(`/join/${ID.toUpperCase()}/`)).toEqual({ page: "join", sessionId: ID });
});

it("treats other paths as not found", () => {
  for (const path of ["/join/", "/join/abc", `/join/${ID}/x`, "/other"])
    expect(routeOf(path)).toEqual({ page: "unknown" });
});
