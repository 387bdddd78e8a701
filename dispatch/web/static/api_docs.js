// Draws the API's description; a file of its own, because the policy of every page forbids inline scripts.
"use strict";

const api = document.getElementById("api");
window.SwaggerUIBundle({
  url: api.dataset.document,
  domNode: api,
  deepLinking: true,
  // The validator's badge would ask another site.
  validatorUrl: null,
});
