import { h } from "../ui/dom";
import { perSecond, shortAlias, timeOfDay, whole } from "./format";
import type { DashboardState } from "./server";
import { tableSection } from "./table-section";
import { texts } from "./texts";

type Room = DashboardState["rooms"][number];

interface RoomsSection {
  element: HTMLElement;
  show(state: DashboardState): void;
  focus(): void;
}

export function roomsSection(onEnd: (alias: string) => void): RoomsSection {
  const { element, show, focus } = tableSection({
    id: "rooms",
    title: texts.rooms,
    note: texts.roomsNote,
    columns: ["Room", "Participants", "Connections", "Watchers", "Positions", "Ends at", "Action"],
    empty: texts.noRooms,
  });
  /** Each room's total of positions in the previous state. */
  let previous = { at: 0, positions: new Map<string, number>() };

  const positionRate = ({ session, positions }: Room, at: number) => {
    const before = previous.positions.get(session);
    const seconds = (at - previous.at) / 1000;
    return before === undefined || seconds <= 0 ? "–" : perSecond((positions - before) / seconds);
  };
  const row = (room: Room, at: number) => [
    shortAlias(room.session),
    whole(room.participants),
    whole(room.connections),
    whole(room.watchers),
    positionRate(room, at),
    timeOfDay(room.ends_at),
    endButton(room.session, onEnd),
  ];
  return {
    element,
    show({ rooms, now }) {
      const at = Date.parse(now.at);
      show(rooms.map((room) => row(room, at)));
      previous = { at, positions: new Map(rooms.map((room) => [room.session, room.positions])) };
    },
    focus,
  };
}

function endButton(alias: string, onEnd: (alias: string) => void): HTMLElement {
  return h(
    "button",
    {
      class: "button small danger-quiet",
      type: "button",
      "aria-label": texts.endRoom(alias),
      click: () => onEnd(alias),
    },
    "End…",
  );
}
