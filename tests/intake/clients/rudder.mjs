// The calls every client of the test makes, through @rudderstack/rudder-sdk-node: node rudder.mjs URL KEY
import { createRequire } from "node:module";

const module = createRequire(process.env.CLIENTS)("@rudderstack/rudder-sdk-node");
const Analytics = module.default ?? module;
const [url, writeKey] = process.argv.slice(2);
const analytics = new Analytics(writeKey, { dataPlaneUrl: url, flushInterval: 50, flushAt: 20 });
analytics.identify({ userId: "u1", traits: { email: "pat@acme.example", firstName: "Pat", company: { name: "Acme", employees: 420 } } });
analytics.track({ userId: "u1", event: "Demo Requested", properties: { plan: "enterprise" }, messageId: "m-fixed-1" });
analytics.track({ anonymousId: "anon-1", event: "Whitepaper Downloaded", properties: { topic: "speed" } });
analytics.page({ userId: "u1", category: "Docs", name: "Pricing", properties: { url: "https://www.acme.example/pricing" } });
analytics.group({ userId: "u1", groupId: "acme-co", traits: { name: "Acme", industry: "software" } });
analytics.alias({ userId: "u1", previousId: "anon-1" });
await analytics.flush();
await new Promise((done) => setTimeout(done, 500));
process.exit(0);
