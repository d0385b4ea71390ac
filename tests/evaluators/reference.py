# Tells, as JSON, what the texts for Python give under the Python that runs this:
# `expressions` and `programs`, each text with its outcome as lines.
import contextlib
import io
import json
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])


def main():
    expressions = (FOLDER / 'python-expressions.txt').read_text('utf-8').splitlines()
    programs = (FOLDER / 'python-programs.txt').read_text('utf-8').split('\n%%\n')
    return {
        'expressions': [(text, value_of(text)) for text in expressions if text],
        'programs': [(text, output_of(text)) for text in programs],
    }


def value_of(text):
    try:
        return repr(eval(text, {'__name__': '__main__'})).split('\n')
    except BaseException as error:
        return ['!' + type(error).__name__]


def output_of(text):
    printed = io.StringIO()
    failed = []
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(text, '<eval>', 'exec'), {'__name__': '__main__'})
    except BaseException as error:
        failed = ['!' + type(error).__name__]
    lines = printed.getvalue().split('\n')
    return (lines if lines[-1] else lines[:-1]) + failed


json.dump(main(), sys.stdout)
