// System V and POSIX queues, semaphores and shared memory.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    int shared = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    shmget(0x12345678, 4096, 0);
    void *at = shmat(shared, NULL, 0);
    shmat(shared, NULL, SHM_RDONLY);
    shmat(-1, NULL, 0);
    shmdt(at);
    struct shmid_ds segment;
    shmctl(shared, IPC_STAT, &segment);
    shmctl(shared, IPC_RMID, NULL);
    int semaphores = semget(IPC_PRIVATE, 2, IPC_CREAT | 0640);
    struct sembuf operations[2] = {{0, 1, 0}, {1, 0, IPC_NOWAIT | SEM_UNDO}};
    semop(semaphores, operations, 2);
    struct timespec brief = {0, 1000000};
    operations[0].sem_op = -5;
    semtimedop(semaphores, operations, 1, &brief);
    semctl(semaphores, 0, GETVAL);
    semctl(semaphores, 0, SETVAL, 3);
    semctl(semaphores, 0, IPC_RMID);
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | IPC_EXCL | 0666);
    struct { long type; char text[16]; } message = {7, "a message"};
    msgsnd(queue, &message, 9, IPC_NOWAIT);
    msgrcv(queue, &message, 16, 0, MSG_NOERROR);
    msgrcv(queue, &message, 16, -3, IPC_NOWAIT);
    msgctl(queue, IPC_RMID, NULL);
    mq_unlink("/renacer-absent-queue");
    mq_open("/renacer-absent-queue", O_RDONLY | O_NONBLOCK);
    return 0;
}
