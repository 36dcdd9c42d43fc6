// What only a script can do on the pages: ask for a passkey, send what was typed, say what came of it. It decides nothing.
"use strict";

const main = document.querySelector("main");
const base = main.dataset.base;
const message = document.getElementById("message");
const problem = document.getElementById("problem");

const bytes = (text) => {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
};
const text = (buffer) => {
  const characters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

class Told extends Error {
  constructor(told, status) {
    super(told.text);
    this.isConflict = status === 409;
    this.isUnknownPasskey = told.unknown_passkey === true;
  }
}

// No answer came, or none of ours.
function unreached() {
  throw new Told({ text: main.dataset.offline });
}

async function send(path, body) {
  const sent = fetch(base + path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-sekisho-visit": main.dataset.visit },
    body: JSON.stringify(body ?? {}),
  });
  const response = await sent.catch(unreached);
  const told = await response.json().catch(unreached);
  if (!response.ok) throw new Told(told, response.status);
  return told;
}

function descriptors(list) {
  return (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
}

async function create(options) {
  const publicKey = options.publicKey;
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.user.id = bytes(publicKey.user.id);
  publicKey.excludeCredentials = descriptors(publicKey.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    extensions: made.getClientExtensionResults(),
    response: {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
      transports: made.response.getTransports?.(),
    },
  };
}

async function get(options) {
  const publicKey = options.publicKey;
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.allowCredentials = descriptors(publicKey.allowCredentials);
  const given = await navigator.credentials.get({ publicKey });
  const handle = given.response.userHandle;
  return {
    id: given.id,
    rawId: text(given.rawId),
    type: given.type,
    extensions: given.getClientExtensionResults(),
    response: {
      authenticatorData: text(given.response.authenticatorData),
      clientDataJSON: text(given.response.clientDataJSON),
      signature: text(given.response.signature),
      userHandle: handle ? text(handle) : undefined,
    },
  };
}

// Begins on the server, asks the browser, ends on the server.
async function withPasskey(path, ask, more) {
  return endWithPasskey(path, ask, await send(path, more), more);
}

async function endWithPasskey(path, ask, { options }, more) {
  if (!window.PublicKeyCredential) throw new Told({ text: main.dataset.unsupported });
  const rpId = options.publicKey.rpId;
  const credential = await ask(options);
  try {
    return await send(path, { credential, ...more });
  } catch (error) {
    if (error.isUnknownPasskey) await signal("signalUnknownCredential", { rpId, credentialId: credential.rawId });
    throw error;
  }
}

// A change on a page that asks for it is confirmed first: with a passkey here, or on a page of its own to which the customer goes and
// from which they come back. The proof is for that change alone, and kept until it is used: a browser may want another press in between.
const PROOF_MS = 4 * 60 * 1000;
const AWAY = "sekisho-change";
let kept = null;

async function proof(change) {
  if (!main.dataset.confirm) return undefined;
  const of = JSON.stringify(change);
  if (kept?.of !== of || Date.now() > kept.until) {
    const begun = await send("/confirm", { change });
    if (begun.page) {
      sessionStorage.setItem(AWAY, JSON.stringify({ change, proof: begun.challenge }));
      location.assign(begun.page);
      return new Promise(() => {});
    }
    const told = await endWithPasskey("/confirm", get, begun, { change });
    kept = { of, proof: told.proof, until: Date.now() + PROOF_MS };
  }
  return kept.proof;
}

// What the customer went away to confirm, if they just came back from it.
function backFrom() {
  const away = JSON.parse(sessionStorage.getItem(AWAY));
  if (!away) return null;
  sessionStorage.removeItem(AWAY);
  if (location.hash !== "#confirmed") return null;
  history.replaceState(null, "", location.pathname);
  kept = { of: JSON.stringify(away.change), proof: away.proof, until: Date.now() + PROOF_MS };
  return away.change;
}

// Tells the browser which passkeys are known here, so that it offers no others (WebAuthn Level 3, signal methods). It may not know how,
// and need not say whether it did.
async function signal(method, options) {
  try {
    await window.PublicKeyCredential?.[method]?.(options);
  } catch {
    // Nothing depends on it.
  }
}

// After every change the page is loaded anew, so that once a page is enough.
async function signalAll({ rpId, userId, name, displayName, allAcceptedCredentialIds }) {
  await signal("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds });
  await signal("signalCurrentUserDetails", { rpId, userId, name, displayName });
}

if (main.dataset.signals) signalAll(JSON.parse(main.dataset.signals));

function done(told) {
  message.textContent = told.text ?? "";
  if (told.next) location.assign(told.next);
  else if (main.dataset.page === "verify") location.reload();
}

// Does one thing at a time and says what came of it, near to what was pressed.
async function run(act, form) {
  problem.textContent = "";
  if (form) form.querySelector("[type=submit]").before(problem);
  else message.after(problem);
  message.textContent = "";
  const buttons = [...main.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    await act();
  } catch (error) {
    if (error.isConflict) kept = null;
    const cancelled = error instanceof DOMException;
    problem.textContent = error instanceof Told ? error.message : cancelled ? main.dataset.cancelled : main.dataset.unsupported;
    problem.scrollIntoView({ block: "nearest" });
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

// Shows the page as it is now, and on it what was done.
const TOLD = "sekisho-told";
function again(told) {
  if (told?.text) sessionStorage.setItem(TOLD, JSON.stringify({ visit: main.dataset.visit, text: told.text }));
  location.reload();
}
const last = JSON.parse(sessionStorage.getItem(TOLD));
sessionStorage.removeItem(TOLD);
if (last?.visit === main.dataset.visit) message.textContent = last.text;

// A page out of the browser's memory may have been left in the middle of something.
addEventListener("pageshow", (event) => {
  if (event.persisted) again();
});

const acts = {
  passkey: async () => done(await withPasskey("/passkey", get)),
  report: async (button) => {
    if (!confirm(button.dataset.ask)) return;
    done(await send("/report"));
  },
  disown: async (button) => {
    if (!confirm(button.dataset.ask)) return;
    await send("/report", { event: button.dataset.event });
    // What happens next stands at the top.
    history.scrollRestoration = "manual";
    again();
  },
  send: async (button) => {
    await send("/send", { method: button.dataset.method });
    again();
  },
  call: async () => {
    await send("/call");
    again();
  },
  enrol: async () => {
    again(await withPasskey("/passkey", create, { proof: await proof({ act: "enrol" }) }));
  },
  // What was confirmed on another page is done as it was meant.
  resume: async () => resume[confirmed.act](confirmed),
  totp: async () => {
    const begun = await send("/totp", { proof: await proof({ act: "totp" }) });
    const form = document.getElementById("totp");
    form.dataset.token = begun.token;
    document.getElementById("secret").textContent = begun.secret;
    // A picture of the server's own, without script.
    const image = document.createElement("img");
    const picture = document.getElementById("picture");
    image.alt = picture.dataset.alt;
    image.src = "data:image/svg+xml;base64," + btoa(begun.picture);
    picture.replaceChildren(image);
    // Who enrols on the telephone that has the app cannot scan it.
    const link = document.getElementById("open-app");
    link.href = begun.uri;
    link.hidden = !matchMedia("(pointer: coarse)").matches;
    form.closest("details").open = true;
    form.hidden = false;
    form.elements.code.focus();
  },
  copy: async (button) => {
    await navigator.clipboard.writeText(document.getElementById("secret").textContent);
    button.textContent = button.dataset.told;
  },
  recovery: async (button) => {
    if (confirm(button.dataset.ask)) await makeRecovery();
  },
  rename: async (button) => {
    const item = button.closest("[data-id]");
    const name = prompt(button.dataset.ask, item.querySelector("h3").textContent);
    if (name === null) return;
    again(await send("/rename", { id: item.dataset.id, name }));
  },
  register: async (button) => {
    const name = prompt(button.dataset.ask, button.dataset.name);
    if (name !== null) await change("/devices", { act: "register", name });
  },
  forget: async (button) => {
    if (!confirm(asked(button))) return;
    await change("/devices/remove", { act: "forget", id: button.closest("[data-id]").dataset.id });
  },
  only: async (button) => {
    if (confirm(button.dataset.ask)) await change("/devices/only", { act: "only", only: button.dataset.only === "true" });
  },
  remove: async (button) => {
    if (!confirm(asked(button))) return;
    await change("/remove", { act: "remove", id: button.closest("[data-id]").dataset.id });
  },
};

// Confirms a change, makes it, and shows the page as it is then.
async function change(path, what) {
  const { act: _act, ...told } = what;
  again(await send(path, { ...told, proof: await proof(what) }));
}

// What a button of one of several asks, and of which.
function asked(button) {
  return `${button.closest("[data-id]").querySelector("h3").textContent}\n${button.dataset.ask}`;
}

// What was pressed on this page for a change, in its words.
function words({ act, id }) {
  const item = id ? main.querySelector(`[data-id="${CSS.escape(id)}"]`) : main;
  const button = item?.querySelector(`[data-act="${act}"]`);
  return button ? (button.getAttribute("aria-label") ?? button.textContent) : "";
}

async function makeRecovery() {
  const made = await send("/recovery", { proof: await proof({ act: "recovery" }) });
  kept = null;
  const list = document.getElementById("codes");
  const once = document.getElementById("codes-once");
  once.textContent = made.text;
  list.replaceChildren(...made.codes.map((code) => Object.assign(document.createElement("li"), { textContent: code })));
  list.closest("details").open = true;
  list.hidden = false;
  once.scrollIntoView({ block: "start" });
}

const resume = {
  enrol: () => acts.enrol(),
  totp: () => acts.totp(),
  recovery: makeRecovery,
  register: (what) => change("/devices", what),
  forget: (what) => change("/devices/remove", what),
  only: (what) => change("/devices/only", what),
  remove: (what) => change("/remove", what),
};
const confirmed = main.dataset.page === "security" ? backFrom() : null;
if (confirmed) {
  document.getElementById("what").textContent = words(confirmed);
  document.getElementById("resume").hidden = false;
}

for (const button of document.querySelectorAll("button[data-act]")) {
  button.addEventListener("click", () => run(() => acts[button.dataset.act](button)));
}

for (const form of document.querySelectorAll("form.code")) {
  const input = form.elements.code;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(async () => {
      try {
        done(await send("/answer", { method: form.dataset.method, code: input.value }));
      } finally {
        input.value = "";
      }
    }, form);
  });
  for (const key of form.querySelectorAll("[data-key]")) {
    key.addEventListener("click", () => {
      input.value = key.dataset.key === "back" ? input.value.slice(0, -1) : input.value + key.dataset.key;
    });
  }
}

document.getElementById("totp")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  run(async () => {
    const code = form.elements.code.value;
    again(await send("/totp", { token: form.dataset.token, code }));
  }, form);
});

// While the support centre calls, looks now and then whether it has.
const LOOK_MS = 5000;
if (document.querySelector("[data-waits]")) {
  const look = async () => {
    const answer = await fetch(base + "/status").catch(() => null);
    if (answer && !answer.ok) return;
    const stands = await answer?.json();
    if (stands && (stands.status !== "open" || stands.call !== "open")) again();
    else setTimeout(look, LOOK_MS);
  };
  setTimeout(look, LOOK_MS);
}
