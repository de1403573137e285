import { expect, it } from "vitest";
import { placeAddress } from "./place-link";

it.each([
  ["Mozilla/5.0 (Linux; Android 15)", "geo:48.100000,-11.500000?q=48.100000,-11.500000(Ada%20%26%20Ben)"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)", "https://maps.apple.com/?daddr=48.100000,-11.500000"],
  ["Mozilla/5.0 (X11; Linux)", "https://www.openstreetmap.org/directions?to=48.100000%2C-11.500000"],
])("opens the map application of %s", (userAgent, expected) => {
  expect(placeAddress(48.1, -11.5, "Ada & Ben", userAgent)).toBe(expected);
});
