// implementation("com.github.dsrees:JavaPhoenixClient:1.1.3")
import org.phoenixframework.Socket

fun main() {
    val environment = System.getenv()
    val url = environment.getValue("URL")
    val socket = Socket("$url/socket/websocket", mapOf("token" to environment.getValue("TOKEN")))
    socket.connect()

    val channel = socket.channel("location:${environment["SESSION"]}")
    channel.on("location_update") { message ->
        val data = message.payload["data"] as Map<*, *>
        println("${data["user_id"]} is at ${data["lat"]} ${data["lng"]}")
    }
    channel.join()
        .receive("ok") { channel.push("location_update", mapOf("lat" to 52.5145, "lng" to 13.3501)) }
        .receive("error") { message -> println("not joined: ${message.payload}") }
}
