// spawner ROUNDS QUEUE COMMAND... : what whole processes cost.
//
// A command is one argument: its words, a line each. All are run once a round,
// A B C A B C, so that what else goes on in the machine hits them alike. What
// they send to QUEUE (- for none) is taken out after each run. Prints a line for
// each: p10 and median of the wall time in microseconds, and the greatest peak
// of resident memory in KiB.
#include "floor.h"
#include <fcntl.h>
#include <mqueue.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MOST = 32, WORDS = 16, WARM_UP = 3 };
extern char **environ;

struct command {
    char *words[WORDS];
    double *times;
    long peak;
};

static void split(struct command *command, char *text)
{
    int count = 0;
    for (char *word = strtok(text, "\n"); word; word = strtok(NULL, "\n")) {
        if (count + 1 == WORDS) {
            fprintf(stderr, "too many words\n");
            exit(2);
        }
        command->words[count++] = word;
    }
}

static double run(struct command *command, posix_spawn_file_actions_t *actions)
{
    pid_t child;
    int status;
    struct rusage usage;
    double start = microseconds();
    errno = posix_spawnp(&child, command->words[0], actions, NULL, command->words, environ);
    if (errno != 0 || wait4(child, &status, 0, &usage) != child)
        fail(command->words[0]);
    double end = microseconds();
    if (status != 0) {
        fprintf(stderr, "%s ended with status %d\n", command->words[0], status);
        exit(1);
    }
    if (usage.ru_maxrss > command->peak)
        command->peak = usage.ru_maxrss;
    return end - start;
}

static void drain(mqd_t queue)
{
    static char message[1 << 16];
    while (queue >= 0 && mq_receive(queue, message, sizeof message, NULL) >= 0) {
    }
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int count, char **words)
{
    static struct command commands[MOST];
    int rounds = count > 3 ? atoi(words[1]) : 0, all = count - 3;
    if (rounds < 1 || all > MOST)
        return 2;
    mqd_t queue = strcmp(words[2], "-") ? mq_open(words[2], O_RDONLY | O_NONBLOCK) : -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < all; i++) {
        split(&commands[i], words[3 + i]);
        commands[i].times = calloc((size_t)rounds, sizeof(double));
    }
    for (int round = -WARM_UP; round < rounds; round++)
        for (int i = 0; i < all; i++) {
            double time = run(&commands[i], &actions);
            if (round >= 0)
                commands[i].times[round] = time;
            drain(queue);
        }
    for (int i = 0; i < all; i++) {
        double *times = commands[i].times;
        qsort(times, (size_t)rounds, sizeof *times, ascending);
        printf("%.1f %.1f %ld\n", times[rounds / 10], times[rounds / 2], commands[i].peak);
    }
    return 0;
}
