/* getaddrinfo() of the C library that this is linked with, then connect(). See __init__.py. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *name_of(int error)
{
    switch (error) {
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_NONAME: return "EAI_NONAME";
#ifdef EAI_NODATA
    case EAI_NODATA: return "EAI_NODATA";
#endif
    default: return gai_strerror(error);
    }
}

/* Waits for one event; 0 when it comes, ETIMEDOUT when it does not. */
static int await(int fd, short event, int wait)
{
    struct pollfd waiting = { fd, event, 0 };
    return poll(&waiting, 1, wait) == 1 ? 0 : ETIMEDOUT;
}

static int try(const struct addrinfo *to, int wait)
{
    int error = 0, fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof error;
    char greeting[256];

    if (fd < 0)
        return errno;
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS)
        error = errno;
    else if ((error = await(fd, POLLOUT, wait)) == 0)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0 && (error = await(fd, POLLIN, wait)) == 0 && read(fd, greeting, sizeof greeting) <= 0)
        error = ECONNRESET;
    close(fd);
    return error;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int family = atoi(argv[1]), wait = atoi(argv[3]);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = family == 4 ? AF_INET : family ? AF_INET6 : AF_UNSPEC };

    for (int i = 4; i < argc; i++) {
        struct addrinfo *found;
        int error = getaddrinfo(argv[i], argv[2], &hints, &found);
        if (error) {
            printf("%s\t-\t%s\n", argv[i], name_of(error));
            continue;
        }
        for (struct addrinfo *each = found; each; each = each->ai_next) {
            char address[64];
            int outcome = try(each, wait);
            getnameinfo(each->ai_addr, each->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST);
            printf("%s\t%s\t%s\n", argv[i], address, outcome ? strerror(outcome) : "answered");
        }
        freeaddrinfo(found);
    }
    return 0;
}
