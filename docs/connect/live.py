# pip install websockets
import asyncio
import json
import os

from websockets.asyncio.client import connect

url, session, token = (os.environ[name] for name in ("URL", "SESSION", "TOKEN"))
topic = f"location:{session}"


async def heartbeat(socket):
    while True:
        await asyncio.sleep(30)
        await socket.send(json.dumps([None, "hb", "phoenix", "heartbeat", {}]))


async def main():
    address = f"{url.replace('http', 'ws', 1)}/socket/websocket?vsn=2.0.0&token={token}"
    async with connect(address) as socket:
        beating = asyncio.create_task(heartbeat(socket))
        await socket.send(json.dumps(["1", "1", topic, "phx_join", {}]))
        async for message in socket:
            _, ref, _, event, payload = json.loads(message)
            if event == "phx_reply" and ref == "1" and payload["status"] == "ok":
                position = {"lat": 52.5145, "lng": 13.3501}
                await socket.send(json.dumps(["1", "2", topic, "location_update", position]))
            elif event == "location_update":
                data = payload["data"]
                print(data["user_id"], "is at", data["lat"], data["lng"], flush=True)
        beating.cancel()


asyncio.run(main())
