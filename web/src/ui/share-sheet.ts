import { t } from "../i18n/texts";
import { copyButton } from "./copy-button";
import { h } from "./dom";
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
  const copy = copyButton(field, "primary", { copy: t.copyLink, copied: t.linkCopied });
  const sheet = openSheet(
    t.inviteTitle,
    h("p", {}, isLocked ? t.lockedInvite : t.inviteText),
    qrCode(link),
    field,
    h("div", { class: "actions" }, shareButton(link, sessionName), copy),
    h("button", { class: "button", type: "button", click: () => sheet.close() }, t.continueToSession),
  );
  await sheet.closed;
}

function shareButton(link: string, sessionName: string | null): HTMLElement | false {
  if (!("share" in navigator)) return false;
  const share = () => {
    // Closing the system's dialog rejects the promise, which is no error.
    navigator.share({ title: sessionName ?? "Tagalong", url: link }).catch(() => {});
  };
  return h("button", { class: "button", type: "button", click: share }, icon("share"), t.shareLink);
}
