/** Puts the client into its page. */

import { mount } from "svelte";
import App from "./App.svelte";
import "./design/tokens.css";
import "./design/base.css";
import { look } from "./settings/look.svelte.js";
import { keepClient } from "./worker/register.js";

look.apply();
mount(App, { target: document.getElementById("app")! });
keepClient();
