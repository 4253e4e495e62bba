import platform

from setuptools import Extension, setup

# Tracers that know thread-local variables find them by this way of addressing; on Arm it is the only one.
flags = ["-mtls-dialect=gnu2"] if platform.machine() == "x86_64" else []
setup(
    ext_modules=[
        Extension("renacer_context._thread_record", ["src/thread_record.c"], extra_compile_args=flags, py_limited_api=True)
    ],
)
