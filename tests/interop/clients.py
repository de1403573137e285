"""Clients of Phoenix Channels in Python: each joins, sends one position, and prints the latitudes that it hears."""

import asyncio
import sys
import threading

UPDATE = "location_update"
PLACE = {"lat": 1.5, "lng": 2.5}


def heard(payload):
    print(payload["data"]["lat"], flush=True)


def phxsocket(url, token, topic):
    from phxsocket import Client

    client = Client(url, {"token": token})
    client.on_open = lambda _: None
    client.connect()
    channel = client.channel(topic, {})
    channel.on(UPDATE, heard)
    channel.join()
    channel.push(UPDATE, PLACE)
    threading.Event().wait()


async def phoenix_channels(url, token, topic):
    from phoenix_channels_python_client import PHXChannelsClient
    from phoenix_channels_python_client.utils import make_message

    async def message(told):
        if told.event == UPDATE:
            heard(told.payload)

    async with PHXChannelsClient(f"{url}?token={token}", "none", protocol_version="1.0") as client:
        await client.subscribe_to_topic(topic, message)
        # It has no call for messages of one's own, but all that such a call would do.
        update = make_message(UPDATE, topic, ref="own", payload=PLACE)
        await client._protocol_handler.send_message(client.connection, update)
        await client.run_forever()


async def phx_events(url, token, topic):
    from phx_events.client import PHXChannelsClient
    from phx_events.phx_messages import PHXEvent
    from phx_events.utils import make_message
    from websockets import client as websockets

    opened = []
    connect = websockets.connect

    class Connect(connect):
        """Keeps the connection: the client has no call for messages of one's own."""

        async def __aenter__(self):
            opened.append(await super().__aenter__())
            return opened[0]

    websockets.connect = Connect

    async def reply(_message, client):
        if len(opened) == 1:
            opened.append(None)
            await client._send_message(opened[0], make_message(UPDATE, topic, "2", PLACE))

    async def update(message, _client):
        heard(message.payload)

    async with PHXChannelsClient(url, token, asyncio.get_running_loop()) as client:
        client.register_event_handler(PHXEvent.reply, [reply])
        client.register_event_handler(UPDATE, [update])
        client.register_topic_subscription(topic)
        await client.start_processing()


program, *given = sys.argv[1:]
run = {"phxsocket": phxsocket, "phoenix_channels": phoenix_channels, "phx_events": phx_events}[program]
ran = run(*given)
if ran is not None:
    asyncio.run(ran)
