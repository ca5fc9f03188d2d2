/**
 * The chat on somebody else's page: `<script async src="https://…/chat/widget.js" data-inbox="…"></script>`.
 * Further attributes: data-user-id, data-user-email, data-user-name, data-user-hash (who has logged in, signed by the page's
 * server), data-theme ("light", "dark"; else the visitor's). `window.CSOpsChat` opens and closes it.
 */
import { Client, type Config } from "./client";
import { Conversation } from "./conversation";
import { View } from "./view";

interface Handle {
  open(): void;
  close(): void;
  toggle(): void;
}

declare global {
  interface Window {
    CSOpsChat?: Handle;
  }
}

async function begin(script: HTMLScriptElement): Promise<void> {
  const { inbox = "", userId = "", userEmail = "", userName = "", userHash = "", theme = "" } = script.dataset;
  if (!inbox || window.CSOpsChat) return;
  let view: View | null = null;
  let wanted = false;
  const handle = (window.CSOpsChat = {
    open: () => (view ? view.open() : void (wanted = true)),
    close: () => view?.close(),
    toggle: () => view?.toggle(),
  });
  const client = new Client(new URL(script.src, location.href).origin, inbox);
  const config = await client.get<Config>("config").catch(() => null);
  // a page that is not allowed, an inbox that is gone, no network: better no button than one that does nothing
  if (!config) {
    if (window.CSOpsChat === handle) delete window.CSOpsChat;
    return;
  }
  if (config.only_verified && !userHash) return;
  const identity = { user_id: userId, email: userEmail, name: userName, signature: userHash };
  const chat = new Conversation(client, inbox, identity, () => view?.draw(), (key) => config.words[key] ?? key);
  view = new View(config, chat, theme);
  document.body.append(view.host);
  if (wanted) view.open();
  await chat.resume();
  // pages that change their address without being loaded again
  window.setInterval(() => view?.isOpen && chat.look(), 5000);
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body) void begin(script);
  else document.addEventListener("DOMContentLoaded", () => void begin(script));
}
