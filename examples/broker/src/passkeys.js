// Passkeys on the login page: offered in the field of the name as soon as the page is there, or asked for by the button.
"use strict";

const button = document.getElementById("passkey");
let offered = null;

async function signIn(how) {
  const begun = await (await fetch("/passkeys", { method: "POST" })).json();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(begun.options.publicKey);
  const given = await navigator.credentials.get({ ...how, publicKey });
  const answer = await fetch(`/passkeys/${begun.id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(given),
  });
  const told = await answer.json();
  if (told.next) location.assign(told.next);
  else document.getElementById("problem").textContent = told.text;
}

async function offer() {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  offered = new AbortController();
  // Who uses the password leaves it unanswered.
  await signIn({ mediation: "conditional", signal: offered.signal }).catch(() => {});
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  button.hidden = false;
  button.addEventListener("click", () => {
    // A browser asks for one passkey at a time.
    offered?.abort();
    signIn({}).catch(() => {}).finally(offer);
  });
  offer();
}
