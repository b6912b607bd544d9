// shim/hook_syscall.cc: libc's syscall(): programs that connect by it go the way of connect(), and
// so do the other calls that have a hook. All others are passed on by a jump, with their six
// arguments as they are, for the price of a look into a table (futex() is called in this way a
// lot).
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/export.h"
#include "shim/own_symbols.h"
#include "shim/raw_hooks.h"
#include "shim/real.h"

namespace culvert::shim {
namespace {

// Integers and pointers alike go in registers of this size, and a function reads as many as it has
// parameters (the psABI of both processors). int and ssize_t alike are below 2^31: the kernel moves
// no more at once.
using Hook = int (*)(long, long, long, long, long, long);

struct Call {
  long number;
  const char* function;
};

constexpr Call kCalls[] = {
    {SYS_socket, "socket"},
    {SYS_connect, "connect"},
    {SYS_bind, "bind"},
    {SYS_listen, "listen"},
    {SYS_accept4, "accept4"},
    {SYS_accept, "accept"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendmmsg, "sendmmsg"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_getsockopt, "getsockopt"},
    {SYS_getsockname, "getsockname"},
    {SYS_getpeername, "getpeername"},
    {SYS_execve, "execve"},
    {SYS_execveat, "execveat"},
    {SYS_openat, "openat"},
#ifdef SYS_open
    {SYS_open, "open"},
#endif
};

constexpr long kNumbers = 512;

}  // namespace
}  // namespace culvert::shim

extern "C" {
using NextCall = long(long, long, long, long, long, long, long);
NextCall __wrap_syscall;  // raw_call.cc

// By number; null: passed on. And to whom.
__attribute__((visibility("hidden")))
culvert::shim::Hook culvert_raw_hooks[culvert::shim::kNumbers];
__attribute__((visibility("hidden"))) constinit NextCall* culvert_next_syscall = __wrap_syscall;
}

namespace culvert::shim {

void find_real_syscall() {
  if (void* const next = real.dlsym(RTLD_NEXT, "syscall"))
    culvert_next_syscall = reinterpret_cast<decltype(culvert_next_syscall)>(next);
}

void put_hooks_into_raw_calls() {
  const ElfImage image = own_image();
  for (const Call& call : kCalls) {
    const auto* const symbol = find_symbol(image, call.function);
    const void* const next = real.dlsym(RTLD_NEXT, call.function);
    // Another library's function, that is behind ours, may call syscall() itself.
    if (symbol == nullptr || next == nullptr || start_of_object(next) != start_of_libc()) continue;
    culvert_raw_hooks[call.number] = reinterpret_cast<Hook>(image.base + symbol->st_value);
  }
}

}  // namespace culvert::shim

#if defined(__x86_64__)
// Not in C++: the sixth argument is on the stack. A caller that has fewer keeps something of its
// own there, which a compiler takes for ours, and writes to. al: of variadic hooks, no vector
// registers.
asm(R"(
  .pushsection .text
  .globl syscall
  .type syscall, @function
  .p2align 4
syscall:
  .cfi_startproc
  endbr64
  cmpq $512, %rdi
  jae 1f
  leaq culvert_raw_hooks(%rip), %rax
  movq (%rax,%rdi,8), %r11
  testq %r11, %r11
  jne 2f
1:
  jmp *culvert_next_syscall(%rip)
2:
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %rcx
  movq %r9, %r8
  movq 8(%rsp), %r9
  xorl %eax, %eax
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call *%r11
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  cltq
  ret
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
static_assert(culvert::shim::kNumbers == 512, "as it stands above");
#else
// All seven in registers. Not as libc declares it: with "..." they could not be passed on.
CULVERT_INTERPOSE long culvert_syscall(long number, long a, long b, long c, long d, long e,
                                       long f) asm("syscall");

long culvert_syscall(long number, long a, long b, long c, long d, long e, long f) {
  const bool hooked =
      number >= 0 && number < culvert::shim::kNumbers && culvert_raw_hooks[number] != nullptr;
  return hooked ? culvert_raw_hooks[number](a, b, c, d, e, f)
                : culvert_next_syscall(number, a, b, c, d, e, f);
}
#endif
