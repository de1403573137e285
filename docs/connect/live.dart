// dart pub add phoenix_socket
import 'dart:io';

import 'package:phoenix_socket/phoenix_socket.dart';

void main() async {
  final url = Platform.environment['URL']!.replaceFirst('http', 'ws');
  final socket = PhoenixSocket(
    '$url/socket/websocket',
    socketOptions: PhoenixSocketOptions(params: {'token': Platform.environment['TOKEN']!}),
  );
  await socket.connect();

  final channel = socket.addChannel(topic: 'location:${Platform.environment['SESSION']}');
  channel.messages.listen((message) {
    if (message.event.value != 'location_update') return;
    final data = message.payload!['data'];
    print('${data['user_id']} is at ${data['lat']} ${data['lng']}');
  });
  await channel.join().future;
  channel.push('location_update', {'lat': 52.5145, 'lng': 13.3501});
}
