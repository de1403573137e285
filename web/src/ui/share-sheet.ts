import { t } from "../i18n/texts";
import { h, setText } from "./dom";
import { icon } from "./icons";
import { qrCode } from "./qr-code";
import { openSheet } from "./sheet";

/** The join link to copy, to share and to scan. */
export async function openShareSheet(
  link: string,
  sessionName: string | null,
  isLocked = false,
): Promise<void> {
  const field = h("input", { class: "link", readonly: true, value: link, "aria-label": t.joinLink });
  field.addEventListener("focus", () => field.select());
  const sheet = openSheet(
    t.inviteTitle,
    h("p", {}, isLocked ? t.lockedInvite : t.inviteText),
    qrCode(link),
    field,
    h("div", { class: "actions" }, shareButton(link, sessionName), copyButton(link, field)),
    h("button", { class: "button", type: "button", click: () => sheet.close() }, t.continueToSession),
  );
  await sheet.closed;
}

function copyButton(link: string, field: HTMLInputElement): HTMLElement {
  const label = h("span", { role: "status" }, t.copyLink);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Without a secure context there is no clipboard API, but the older command still copies.
      field.select();
      document.execCommand("copy");
    }
    setText(label, t.linkCopied);
    button.replaceChildren(icon("check"), label);
  };
  const button = h("button", { class: "button primary", type: "button", click: copy }, icon("copy"), label);
  return button;
}

function shareButton(link: string, sessionName: string | null): HTMLElement | false {
  if (!("share" in navigator)) return false;
  const share = () => {
    // Rejects when the person closes the system's dialog, which is no failure.
    navigator.share({ title: sessionName ?? "Tagalong", url: link }).catch(() => {});
  };
  return h("button", { class: "button", type: "button", click: share }, icon("share"), t.shareLink);
}
