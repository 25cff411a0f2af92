// Builds the dashboard's stylesheet, scripts and icon sprite into assets/dist.
import { defineConfig } from "vite";
import tailwindcss from "@tailwindcss/vite";
import iconSprite from "./assets/icons.js";
import squeeze from "./assets/squeeze.js";

export default defineConfig({
  // Relative, so that a lazily loaded script finds its neighbours under any STATIC_URL.
  base: "./",
  publicDir: false,
  plugins: [tailwindcss(), iconSprite(), squeeze()],
  build: {
    outDir: "assets/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsDir: "built",
    rollupOptions: {
      input: ["assets/src/app.css", "assets/src/main.js"],
      // htmx can evaluate code in attributes; the pages' policy forbids it, and no page does.
      checks: { eval: false, bundlerTimings: false },
    },
  },
});
