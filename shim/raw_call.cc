// shim/raw_call.cc: what syscall() is for this library itself: never what stands under that name in
// the process, as that may be ours (hook_syscall.cc). The linker leads our references here
// (--wrap).
#include <errno.h>

extern "C" __attribute__((visibility("hidden"))) long __wrap_syscall(long number, long a, long b,
                                                                     long c, long d, long e,
                                                                     long f);

extern "C" long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  const long result = x0;
#else
#error "how this processor calls the kernel has to be said here"
#endif
  constexpr long kMostErrno = 4095;
  if (result >= 0 || result < -kMostErrno) return result;
  errno = static_cast<int>(-result);
  return -1;
}
