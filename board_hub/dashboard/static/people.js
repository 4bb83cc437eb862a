// Logging in, one's own password, and who else may.
import { html, useEffect, useState } from "./html.js";
import { get, post } from "./api.js";
import { t } from "./i18n.js";
import { Button, Confirm, Field, useWork } from "./parts.js";
import { mayChange, state, toast } from "./store.js";

export function Login({ onIn }) {
  const [name, setName] = useState("admin");
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const go = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      onIn(await post("login", { name, password }));
    } catch (problem) {
      setPassword("");
      setError(problem.code === "bad_account" ? t("login.wrong") : problem.message);
      setBusy(false);
    }
  };
  return html`<main id="main" class="login"><form class="card stack" onSubmit=${go}><img src="static/icon.svg" alt="" width="48" height="48" /><h1>${t("login.title")}</h1>
    <${Field} label=${t("login.name")}><input name="username" autocomplete="username" value=${name} required onInput=${(e) => setName(e.target.value)} /><//>
    <${Field} label=${t("login.password")}><input name="password" type="password" autocomplete="current-password" value=${password} required autofocus onInput=${(e) => setPassword(e.target.value)} /><//>
    ${error && html`<p class="error" role="alert">${error}</p>`}
    <button class="button primary" disabled=${busy}>${t("login.go")}</button><p class="quiet small">${t("login.hint")}</p></form></main>`;
}

export function People() {
  const [found, setFound] = useState(null);
  const [count, setCount] = useState(0);
  const load = () => setCount((n) => n + 1);
  useEffect(() => {
    if (mayChange()) get("users").then(setFound, (e) => toast(e.message, "bad"));
  }, [count]);
  return html`<main id="main" class="page narrow"><h1>${t("people")}</h1><div class="stack">
    <${Own} />${found && html`<${Users} users=${found.users} load=${load} />`}${found && html`<${Tokens} tokens=${found.tokens} load=${load} />`}</div></main>`;
}

function Own() {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [busy, work] = useWork();
  const go = (event) => {
    event.preventDefault();
    work(async () => {
      await post("password", { old, new: fresh });
      toast(t("people.changed"));
    });
  };
  return html`<form class="card stack" onSubmit=${go}><h2>${t("people.own", { name: state.me.name })}</h2><div class="row wrap">
    <${Field} label=${t("people.old")}><input type="password" autocomplete="current-password" required value=${old} onInput=${(e) => setOld(e.target.value)} /><//>
    <${Field} label=${t("people.new")}><input type="password" autocomplete="new-password" required minlength="8" value=${fresh} onInput=${(e) => setFresh(e.target.value)} /><//></div>
    <div><button class="button primary" disabled=${busy}>${t("people.change")}</button></div></form>`;
}

function Users({ users, load }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState("viewer");
  const [removing, setRemoving] = useState(null);
  const [busy, work] = useWork();
  const add = (event) => {
    event.preventDefault();
    work(async () => {
      await post("users", { name, password, role });
      setName("");
      setPassword("");
      load();
    });
  };
  return html`<section class="card stack"><h2>${t("people.users")}</h2>
    <ul class="places">${users.map((user) => html`<li key=${user.name}><span class="name">${user.name}</span><span class="badge">${t(`role.${user.role}`)}</span>
      <${Button} icon="trash" label=${t("remove.what", { name: user.name })} showLabel=${false} onClick=${() => setRemoving(user.name)} /></li>`)}</ul>
    <form class="row wrap" onSubmit=${add}><${Field} label=${t("login.name")}><input required maxlength="64" value=${name} onInput=${(e) => setName(e.target.value)} /><//>
      <${Field} label=${t("login.password")}><input type="password" autocomplete="new-password" required minlength="8" value=${password} onInput=${(e) => setPassword(e.target.value)} /><//>
      <${Field} label=${t("people.role")}><select value=${role} onChange=${(e) => setRole(e.target.value)}><option value="viewer">${t("role.viewer")}</option><option value="admin">${t("role.admin")}</option></select><//>
      <button class="button" disabled=${busy}>${t("people.add")}</button></form>
    ${removing && html`<${Confirm} title=${t("remove.what", { name: removing })} text=${t("people.removetext")} action=${t("remove")} onClose=${() => setRemoving(null)}
      onYes=${() => work(async () => { await post("users/remove", { name: removing }); load(); })} />`}</section>`;
}

function Tokens({ tokens, load }) {
  const [name, setName] = useState("");
  const [made, setMade] = useState(null);
  const [busy, work] = useWork();
  const add = (event) => {
    event.preventDefault();
    work(async () => {
      setMade({ name, ...(await post("tokens", { name })) });
      setName("");
      load();
    });
  };
  return html`<section class="card stack"><h2>${t("people.tokens")}</h2><p class="quiet">${t("people.tokenstext")}</p>
    ${made && html`<p class="outcome">${t("people.token", { name: made.name })}<br /><code class="secret">${made.token}</code></p>`}
    <ul class="places">${tokens.map((token) => html`<li key=${token}><span class="name">${token}</span>
      <${Button} icon="trash" label=${t("remove.what", { name: token })} showLabel=${false} onClick=${() => work(async () => { await post("tokens/remove", { name: token }); load(); })} /></li>`)}</ul>
    <form class="row wrap" onSubmit=${add}><${Field} label=${t("name")}><input required maxlength="64" value=${name} placeholder="home-assistant" onInput=${(e) => setName(e.target.value)} /><//>
      <button class="button" disabled=${busy}>${t("people.add")}</button></form></section>`;
}
