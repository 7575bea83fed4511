// sock_recv PATH: takes one connection and copies it to standard output, by
// read and write, with a pipe of 1 MiB behind it.
#include "floor.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CALL = 1 << 18 };
static char buffer[CALL];

int main(int count, char **words)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (count != 2 || strlen(words[1]) >= sizeof address.sun_path)
        return 2;
    strcpy(address.sun_path, words[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1))
        fail("bind");
    int taken = accept(listener, NULL, NULL);
    unlink(words[1]);
    fcntl(1, F_SETPIPE_SZ, 1 << 20);
    ssize_t length;
    while ((length = read(taken, buffer, CALL)) > 0) {
        for (ssize_t done = 0; done < length;) {
            ssize_t more = write(1, buffer + done, (size_t)(length - done));
            if (more < 0)
                fail("write");
            done += more;
        }
    }
    return length < 0;
}
