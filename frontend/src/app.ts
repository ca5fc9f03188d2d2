/**
 * Entry of the browser code. Every behaviour is an init function that may run again at any time; they run once the page
 * is there and after each part that htmx has settled.
 */
import htmx from "htmx.org";
import { initCalls } from "./calls";
import { initCanned } from "./canned";
import { initComposer } from "./composer";
import { initConditions } from "./conditions";
import { initInbox } from "./inbox";
import { initKeys } from "./keys";
import { initLists } from "./lists";
import { initLive } from "./live";
import { initNotifications } from "./notifications";
import { initOverlays } from "./overlays";
import { initPalette } from "./palette";
import "./panels";
import { initPresence } from "./presence";
import { initTimes } from "./times";
import { initToasts } from "./toasts";

const inits = [initOverlays, initConditions, initKeys, initPalette, initLists, initComposer, initPresence, initCanned, initNotifications, initCalls, initInbox, initTimes, initToasts, initLive];

function initAll(): void {
  for (const init of inits) init();
}

htmx.onLoad(initAll);
document.addEventListener("htmx:afterSettle", initAll);
document.addEventListener("htmx:oobAfterSwap", initAll);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", initAll);
else initAll();
