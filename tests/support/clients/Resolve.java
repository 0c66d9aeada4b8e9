import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;

/** InetAddress, then a Socket. See __init__.py. */
public class Resolve {
    static String attempt(InetAddress address, int port, int wait) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, port), wait);
            socket.setSoTimeout(wait);
            return socket.getInputStream().read() < 0 ? "closed" : "answered";
        } catch (IOException problem) {
            return problem.getMessage();
        }
    }

    public static void main(String[] arguments) {
        int family = Integer.parseInt(arguments[0]);
        int port = Integer.parseInt(arguments[1]);
        int wait = Integer.parseInt(arguments[2]);
        for (int i = 3; i < arguments.length; i++) {
            String name = arguments[i];
            boolean found = false;
            try {
                for (InetAddress address : InetAddress.getAllByName(name)) {
                    if (family == 0 || (family == 4) == (address instanceof Inet4Address)) {
                        found = true;
                        String outcome = attempt(address, port, wait);
                        System.out.println(name + "\t" + address.getHostAddress() + "\t" + outcome);
                    }
                }
                if (!found) {
                    System.out.println(name + "\t-\tno address of this family");
                }
            } catch (UnknownHostException problem) {
                System.out.println(name + "\t-\t" + problem.getMessage());
            }
        }
    }
}
