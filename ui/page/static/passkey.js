// Passkeys need the browser's own dialog. What begins with data-passkey stays hidden
// without it.
{
  const able = window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON;
  const post = (path, fields) => fetch(path, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(fields) });
  const why = (near, text) => {
    const p = near.closest("form").querySelector("[data-passkey-why]");
    p.hidden = !text;
    p.querySelector("span").textContent = text || "";
  };
  // What the browser says of a dialog that came to nothing is in its own language.
  const failed = (near, e) => why(near, e instanceof DOMException ? near.closest("form").querySelector("[data-passkey-why]").dataset.failed : e.message);
  const ask = async (path) => {
    const res = await post(path, {});
    const body = await res.json();
    if (body.go) location.assign(body.go);
    if (!res.ok) throw new Error(body.detail || "");
    return body;
  };
  if (able) {
    document.querySelectorAll("[data-passkey]").forEach((el) => (el.hidden = false));
    document.querySelectorAll("button[data-passkey=sign-in]").forEach((button) => {
      button.addEventListener("click", async () => {
        why(button, "");
        try {
          const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await ask("/sign-in/passkey/begin"));
          const answer = await navigator.credentials.get({ publicKey });
          const res = await post("/sign-in/passkey", { answer: JSON.stringify(answer.toJSON()), next: button.dataset.next || "/" });
          if (res.redirected) return location.assign(res.url);
          why(button, (await res.json()).detail);
        } catch (e) {
          failed(button, e);
        }
      });
    });
    document.querySelectorAll("form[data-passkey=add]").forEach((form) => {
      form.dataset.many = "";
      form.addEventListener("submit", async (e) => {
        if (form.elements.answer.value) return;
        e.preventDefault();
        why(form.querySelector("button"), "");
        try {
          const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await ask("/profile/passkey/begin"));
          const made = await navigator.credentials.create({ publicKey });
          form.elements.answer.value = JSON.stringify(made.toJSON());
          form.submit();
        } catch (err) {
          failed(form.querySelector("button"), err);
        }
      });
    });
  }
}
