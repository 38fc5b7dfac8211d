"use strict";

// Light or dark as the reader's system is, also when that changes.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

SwaggerUIBundle({
  dom_id: "#viewer",
  // Relative: a proxy may serve the service under a path of its own.
  url: "openapi.json",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Nothing is asked of anybody else.
  validatorUrl: null,
});
