// Swift package: davidstump/SwiftPhoenixClient
import Foundation
import SwiftPhoenixClient

let environment = ProcessInfo.processInfo.environment
let url = environment["URL"]!.replacingOccurrences(of: "http", with: "ws")

let socket = Socket("\(url)/socket/websocket", params: ["token": environment["TOKEN"]!])
socket.connect()

let channel = socket.channel("location:\(environment["SESSION"]!)")
channel.on("location_update") { message in
    guard let data = message.payload["data"] as? [String: Any] else { return }
    print(data["user_id"]!, "is at", data["lat"]!, data["lng"]!)
}
channel.join()
    .receive("ok") { _ in channel.push("location_update", payload: ["lat": 52.5145, "lng": 13.3501]) }
    .receive("error") { message in print("not joined:", message.payload) }

RunLoop.main.run()
