/*
 * Takes COUNT messages from the queue NAME and prints each on a line.
 *
 *     cc -o consume consume.c -lrt
 *     sh produce.sh jobs 3 && ./consume /jobs 3
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: consume /NAME COUNT\n");
        return 2;
    }
    mqd_t queue = mq_open(argv[1], O_RDONLY);
    struct mq_attr limits;
    if (queue == (mqd_t)-1 || mq_getattr(queue, &limits) == -1) {
        perror(argv[1]);
        return 1;
    }
    char *message = malloc((size_t)limits.mq_msgsize);
    if (message == NULL)
        return 1;
    for (int i = 0; i < atoi(argv[2]); i++) {
        ssize_t length = mq_receive(queue, message, (size_t)limits.mq_msgsize, NULL);
        if (length == -1) {
            perror("mq_receive");
            return 1;
        }
        printf("%.*s\n", (int)length, message);
    }
    return 0;
}
