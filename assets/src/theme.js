// Switches between light, dark and the system's theme, remembered in a cookie the server reads,
// so that the right theme is in the first byte and the page never flashes.
const YEAR_S = 31_536_000;

function applyTheme(choice) {
  const root = document.documentElement;
  if (choice === "system") root.removeAttribute("data-theme");
  else root.dataset.theme = `mill-${choice}`;
  document.cookie = `theme=${choice}; path=/; max-age=${YEAR_S}; SameSite=Lax`;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}

export function startTheme() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) applyTheme(button.dataset.themeChoice);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("themechange"));
  });
}
