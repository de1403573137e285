// npm install phoenix ws
import { Socket } from "phoenix";
import WebSocket from "ws"; // In a browser, leave this line and `transport` out.

const { URL: url, SESSION: session, TOKEN: token } = process.env;

const socket = new Socket(`${url.replace("http", "ws")}/socket`, { params: { token }, transport: WebSocket });
const channel = socket.channel(`location:${session}`);

channel.on("location_update", ({ data }) => console.log(data.user_id, "is at", data.lat, data.lng));
channel
  .join()
  .receive("ok", () => channel.push("location_update", { lat: 52.5145, lng: 13.3501 }))
  .receive("error", ({ reason }) => console.error("not joined:", reason));
socket.connect();
