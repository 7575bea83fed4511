/*
 * Sends COUNT messages to the queue NAME, which `ipc mq create` has made.
 *
 *     cc -o produce produce.c -lrt
 *     ipc mq create jobs && ./produce /jobs 3
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: produce /NAME COUNT\n");
        return 2;
    }
    mqd_t queue = mq_open(argv[1], O_WRONLY);
    if (queue == (mqd_t)-1) {
        perror(argv[1]);
        return 1;
    }
    for (int i = 1; i <= atoi(argv[2]); i++) {
        char message[32];
        int length = snprintf(message, sizeof message, "job %d", i);
        if (mq_send(queue, message, (size_t)length, 0) == -1) {
            perror("mq_send");
            return 1;
        }
    }
    return 0;
}
