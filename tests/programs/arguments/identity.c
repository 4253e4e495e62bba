// Who a process is, and what it may do.
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
int main(void) {
    uid_t a, b, c;
    gid_t groups[64] = {5, 10};
    struct utsname name;
    getuid(), geteuid(), getgid(), getegid(), getppid();
    getresuid(&a, &b, &c);
    getresgid(&a, &b, &c);
    syscall(SYS_setresuid, -1, -1, -1);
    syscall(SYS_setreuid, -1, -1);
    syscall(SYS_setgid, getgid());
    getgroups(64, groups);
    getgroups(0, NULL);
    getgroups(-1, groups);
    groups[0] = 5, groups[1] = 10;
    syscall(SYS_setgroups, 2, groups);
    setfsuid(-1);
    uname(&name);
    personality(0xffffffff);
    prctl(PR_SET_NAME, "renamed");
    char comm[16];
    prctl(PR_GET_NAME, comm);
    prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_PDEATHSIG, 9);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN);
    prctl(PR_GET_SECCOMP);
    prctl(PR_SET_TIMERSLACK, 50000);
    prctl(77777, 1, 2, 3, 4);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    syscall(SYS_capget, &header, data);
    unsigned long base;
    syscall(SYS_arch_prctl, 0x1003, &base);
    sethostname(NULL, 5);
    setdomainname("x", -1);
    return 0;
}
