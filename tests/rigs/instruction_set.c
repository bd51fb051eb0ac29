// Preloaded by instruction_set.sh: answers `cpuid` as an older processor would. The libraries in which each `cpuid`
// was overwritten by `int3; nop` come here by SIGTRAP. Bits: Intel SDM volume 2A, CPUID, leaves 7, 0xD, 0x1D, 0x1E, 0x24.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))
// AVX-512: IFMA, PF, ER; F, DQ, CD, BW, VL are what Skylake-X has
#ifdef SKYLAKE
static const uint32_t newer_7_ebx = BIT(21) | BIT(26) | BIT(27);
static const uint32_t newer_states = BIT(17) | BIT(18);
#else
static const uint32_t newer_7_ebx = BIT(21) | BIT(26) | BIT(27) | BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);
static const uint32_t newer_states = BIT(17) | BIT(18) | BIT(5) | BIT(6) | BIT(7);
#endif
// VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ
static const uint32_t newer_7_ecx = BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14);
// 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8
static const uint32_t newer_7_edx = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);

static void answer(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
  __cpuid_count(leaf, sub, *a, *b, *c, *d);
  if (leaf == 7 && sub == 0) {
    *b &= ~newer_7_ebx;
    *c &= ~newer_7_ecx;
    *d &= ~newer_7_edx;
  } else if (leaf == 7 || leaf == 0x1D || leaf == 0x1E || leaf == 0x24) { // AVX-VNNI, AVX-IFMA, AVX10, AMX ...
    *a = *b = *c = *d = 0;
  } else if (leaf == 0xD && sub == 0) { // states: AMX, and AVX-512's
    *a &= ~newer_states;
  }
}

static void on_trap(int signal_number, siginfo_t *info, void *context) {
  (void)info;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *next = (const uint8_t *)registers[REG_RIP];
  uint32_t a, b, c, d;
  if (next[-1] != 0xCC || next[0] != 0x90) { // somebody else's trap
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    return;
  }
  answer((uint32_t)registers[REG_RAX], (uint32_t)registers[REG_RCX], &a, &b, &c, &d);
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
}

__attribute__((constructor)) static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  sigaction(SIGTRAP, &action, NULL);
}
