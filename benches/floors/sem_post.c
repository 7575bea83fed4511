// sem_post NAME: what a C programmer writes to give one unit, with libc's own calls.
#include <fcntl.h>
#include <semaphore.h>

int main(int count, char **words)
{
    sem_t *semaphore = count == 2 ? sem_open(words[1], 0) : SEM_FAILED;
    return semaphore == SEM_FAILED || sem_post(semaphore) != 0;
}
