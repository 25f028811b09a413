/* How the payload begins: by multiboot 1 or by PVH, both in 32-bit protected mode without paging. */
#define TVDSIM_CALL_MAGIC 0x5456    /* as in plugins/guest_calls.h */

        .section .multiboot, "a"
        .align 4
        .long 0x1badb002, 0, -0x1badb002

        .section .note.Xen, "a", @note
        .align 4
        .long 4, 4, 18                  /* name, descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .long start_pvh

        .section .text
        .globl start_multiboot, start_pvh
start_multiboot:
        movl $1, %ecx
        jmp 1f
start_pvh:
        movl $2, %ecx
1:      cli
        cld
        movl $stack_end, %esp
        lgdt table_of_segments
        ljmp $8, $2f
2:      movl $16, %eax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        pushl %ebx
        pushl %ecx
        call payload_main
3:      hlt
        jmp 3b

/* Each call is its marker and a return, so that the block ends right after it. */
        .macro marker name, number
        .globl \name
\name:  .byte 0x0f, 0x1f, 0x80
        .long (TVDSIM_CALL_MAGIC << 16) | \number
        ret
        .endm
        marker mark_hypercall, 1
        marker mark_measured, 2
        marker mark_pcr, 3
        marker mark_says, 4
        marker mark_tpm_failed, 5

        .globl timer_interrupt, other_interrupt
timer_interrupt:
        pushl %eax
        incl timer_ticks
        movb $0x20, %al
        outb %al, $0x20
        popl %eax
other_interrupt:
        iretl

        .section .rodata
        .align 8
segments:
        .quad 0
        .quad 0x00cf9b000000ffff        /* code: 4 GiB, flat; marked as accessed, or the processor would */
        .quad 0x00cf93000000ffff        /* data; and constants are measured */
table_of_segments:
        .word table_of_segments - segments - 1
        .long segments

        .section .bss
        .align 16
        .skip 16384
stack_end:
        .section .note.GNU-stack, "", @progbits
