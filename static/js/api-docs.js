// Swagger UI on /api/docs/. Requests that are tried carry the page's CSRF token, as forms do.
const place = document.getElementById("api-docs");
SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    validatorUrl: null,
    requestInterceptor: (request) => {
        request.headers["X-CSRFToken"] = place.dataset.csrf;
        return request;
    },
});
