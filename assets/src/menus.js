// Opens the side navigation on a phone and closes drop-downs as people expect.
function setNavigation(isOpen) {
  const navigation = document.getElementById("navigation");
  if (!navigation) return;
  navigation.dataset.open = String(isOpen);
  document.getElementById("navigation-veil").hidden = !isOpen;
  const opener = document.querySelector("[data-navigation-open]");
  opener.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) navigation.querySelector("a, button, summary").focus();
  else if (navigation.contains(document.activeElement)) opener.focus();
}

function closeDropdowns(except) {
  for (const open of document.querySelectorAll("details[data-dropdown][open]")) {
    if (open !== except) open.open = false;
  }
}

export function startMenus() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-navigation-open]")) setNavigation(true);
    if (event.target.closest("[data-navigation-close]")) setNavigation(false);
    closeDropdowns(event.target.closest("details[data-dropdown]"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest?.("details[data-dropdown][open]");
    closeDropdowns();
    open?.querySelector("summary").focus();
    setNavigation(false);
  });
}
